"""Emission maps of SO2 and BC: round sources on land, and ships."""

from __future__ import annotations

import numpy as np

from ..grid import land_fraction
from .scenarios import BLOCK, REGIONS, Pathway, regional_emissions

EARTH_RADIUS = 6.371e6  # m
SECONDS_PER_YEAR = 365 * 86400

# (region, latitude deg, longitude deg, radius km, SO2 Tg/yr, BC Tg/yr) of 2015, fitted to the CEDS-based maps
SOURCES = (
    ("E Asia", 36, 115, 450, 7.95, 0.718),  # North China Plain
    ("E Asia", 42, 126, 700, 4.57, 0.540),  # Manchuria and Korea
    ("E Asia", 31, 119, 500, 5.82, 0.584),  # Yangtze
    ("E Asia", 28.5, 106, 600, 5.29, 0.602),  # Sichuan and Guizhou
    ("E Asia", 24, 113, 400, 2.64, 0.240),  # South China
    ("S Asia", 25.5, 85, 400, 3.60, 0.360),  # Ganges
    ("S Asia", 30, 75, 500, 3.35, 0.345),  # Punjab
    ("S Asia", 19, 76, 700, 6.73, 0.556),  # Deccan
    ("S Asia", 21, 82, 400, 2.17, 0.100),  # Orissa
    ("SE Asia", 15, 101, 700, 1.62, 0.267),  # Indochina
    ("SE Asia", -6, 107, 600, 2.15, 0.206),  # Java and Sumatra
    ("SE Asia", 6, 118, 900, 0.84, 0.122),  # Borneo to Luzon
    ("Europe", 46, 25, 900, 5.26, 0.147),  # Balkans and Ukraine
    ("Europe", 50, 4, 800, 1.51, 0.155),  # Western Europe
    ("N America", 37, 275, 1200, 4.53, 0.196),  # Ohio to the Gulf of Mexico
    ("N America", 20, 261, 600, 2.16, 0.109),  # Mexico
    ("Middle East", 26, 50, 600, 4.71, 0.150),  # Persian Gulf
    ("Middle East", 36, 42, 1000, 5.47, 0.259),  # Anatolia and Iran
    ("S Africa", -27, 28, 500, 2.91, 0.157),  # Highveld
    ("S Africa", -12, 28, 400, 1.21, 0.031),  # Copperbelt
    ("S Africa", 8, 4, 800, 0.24, 0.553),  # Guinea coast
    ("S Africa", 0, 36, 1100, 0.37, 0.479),  # East Africa
    ("N Africa", 31, 12, 1500, 1.54, 0.208),  # Mediterranean coast
    ("S America", -22, 312, 900, 1.71, 0.203),  # Brazil
    ("S America", -20, 290, 900, 1.80, 0.078),  # Andes
    ("Australia", -28, 147, 900, 1.18, 0.026),  # eastern Australia
    ("Russia", 52, 66, 1700, 6.38, 0.313),  # Urals to Kazakhstan
    ("Russia", 69, 88, 250, 0.84, 0.001),  # Norilsk
)
SHIP_LATITUDE, SHIP_WIDTH, SHIP_LIMIT = 30.0, 28.0, -50.0  # degrees: centre, width and southern end of shipping


def great_circle(lat: np.ndarray, lon: np.ndarray, lat0: float, lon0: float) -> np.ndarray:
    """Return the distance of every cell from a point, shape (lat, lon), m."""
    phi, phi0 = np.deg2rad(np.asarray(lat, float))[:, None], np.deg2rad(lat0)
    shift = np.deg2rad(np.asarray(lon, float) - lon0)[None]
    cosine = np.sin(phi) * np.sin(phi0) + np.cos(phi) * np.cos(phi0) * np.cos(shift)
    return EARTH_RADIUS * np.arccos(np.clip(cosine, -1, 1))


def cell_areas(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Return the cell areas of a regular grid, shape (lat, lon), m2; they sum to the Earth's surface."""
    weight = np.cos(np.deg2rad(lat))[:, None] * np.ones(len(lon))
    return 4 * np.pi * EARTH_RADIUS**2 * weight / weight.sum()


def region_maps(species: str, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Compute how the emissions of each region spread over the cells.

    Sources are round and lie on land; ships emit along the seas of the northern hemisphere; nothing is
    emitted around Antarctica and far from land and shipping.

    Returns
    -------
    array, shape (region, lat, lon), m-2
        The integral over the Earth is 1 for each region.
    """
    land, area = land_fraction(lat, lon), cell_areas(lat, lon)
    maps = np.zeros((len(REGIONS), len(lat), len(lon)))
    for region, lat0, lon0, radius, so2, bc in SOURCES:
        amount = so2 if species == "SO2" else bc
        spread = (0.02 + land) * np.exp(-((great_circle(lat, lon, lat0, lon0) / (radius * 1e3)) ** 2))
        maps[REGIONS.index(region)] += amount * spread / (spread * area).sum()
    bell = np.exp(-(((np.asarray(lat) - SHIP_LATITUDE) / SHIP_WIDTH) ** 2)) * (np.asarray(lat) > SHIP_LIMIT)
    maps[-1] = (1 - land) ** 2 * bell[:, None]
    maps /= (maps * area).sum(axis=(1, 2), keepdims=True)
    return np.where(maps * area.mean() > 1e-7, maps, 0.0)


def emission_maps(pathway: Pathway, species: str, n_months: int, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Compute the monthly emission maps of SO2 or BC.

    Returns
    -------
    array, shape (month, lat, lon), kg m-2 s-1
    """
    padded = -(-n_months // BLOCK) * BLOCK
    kilograms = regional_emissions(pathway, species, padded) * 1e9 / SECONDS_PER_YEAR
    maps = region_maps(species, lat, lon)
    blocks = kilograms.reshape(-1, BLOCK, len(REGIONS)) @ maps.reshape(len(REGIONS), -1)
    return blocks.reshape(padded, *maps.shape[1:])[:n_months]
