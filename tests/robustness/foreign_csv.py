"""Files of the competition as they come: broken ones, and ones that only look otherwise."""

import numpy as np

LAT, LON = np.array([-45.125, 10.0]), np.array([1.875, 356.875, 358.0])


def write_csv(path, fields, lat, lon, months=None):
    """Write fields (time, 2, lat, lon) at full precision, cell by cell."""
    lines = ["ID,Prediction"]
    for t in range(len(fields)):
        for v, name in enumerate(("tas", "pr")):
            for i, y in enumerate(lat):
                for j, x in enumerate(lon):
                    lines.append(f"t{t:03d}_{name}_{y:.2f}_{x:.2f},{float(fields[t, v, i, j])!r}")
    path.write_text("\n".join(lines) + "\n")
    return path


def edited(lines, number, change):
    return [*lines[:number], change(lines[number]), *lines[number + 1 :]]


def valued(text):
    """Put another value into the fifth row."""
    return lambda lines: edited(lines, 5, lambda line: line.split(",")[0] + text)


UNSCORED = "missing, doubled or not those"
#: Changes of the lines of a file, and what it must be called.
BROKEN = {
    "row missing": (lambda lines: lines[:20] + lines[21:], UNSCORED),
    "last row twice": (lambda lines: [*lines, lines[-1]], UNSCORED),
    "row doubled": (lambda lines: [*lines[:20], lines[19], *lines[21:]], UNSCORED),
    "one month for another": (lambda lines: [line.replace("t001", "t002") for line in lines], UNSCORED),
    "number of a month too long": (
        lambda lines: edited(lines, 20, lambda line: line.replace("t001", "t9999999999999999999")),
        UNSCORED,
    ),
    "month by name": (lambda lines: edited(lines, 20, lambda line: line.replace("t001", "july")), UNSCORED),
    "cell too long": (lambda lines: edited(lines, 20, lambda line: line.replace(",", "x" * 40 + ",")), UNSCORED),
    "beyond the pole": (lambda lines: [line.replace("-45.12", "-95.12") for line in lines], "not on the earth"),
    "latitude NaN": (lambda lines: [line.replace("-45.12", "nan") for line in lines], "not on the earth"),
    "value NaN": (valued(",nan"), r"t000_tas_10.00_356.88 is not a f"),
    "no value": (valued(","), r"t000_tas_10.00_356.88 is not a f"),
    "no field": (valued(""), r"t000_tas_10.00_356.88 is not a f"),
    "infinite": (valued(",inf"), r"t000_tas_10.00_356.88 is not a f"),
    "a word": (valued(",warm"), "is no submission"),
    "1_0": (valued(",1_0"), "is no submission"),
    "decimal comma": (valued(",1,5"), "is no submission"),  # a decimal comma in one row, and in all
    "decimal commas": (lambda lines: [lines[0], *(line.replace(".", ",") for line in lines[1:])], "is no submission"),
    "more fields": (
        lambda lines: [lines[0], *(line + ",1" for line in lines[1:])],
        "more fields than the 2 of the header",
    ),
    "comma in quotes": (valued(',"1,5"'), "is no submission"),
    "no column of values": (lambda lines: ["ID", *(line.split(",")[0] for line in lines[1:])], "it has ID"),
    "another column": (lambda lines: ["ID,Value", *lines[1:]], "it has ID, Value"),
    "column twice": (lambda lines: ["ID,Prediction,ID", *(line + ",1" for line in lines[1:])], "twice"),
    "header alone": (lambda lines: lines[:1], "is no submission"),
    "nothing": (lambda lines: [], "is no submission"),
    "one cell": (lambda lines: ["ID,Prediction", "cell,1"], "is no submission"),
    "half a month": (lambda lines: lines[:13], "months"),
}
REARRANGED = {
    "rows": lambda lines: [lines[0], *np.random.default_rng(1).permutation(lines[1:])],
    "months": lambda lines: [lines[0], *lines[13:], *lines[1:13]],
    "north first": lambda lines: [lines[0], *lines[4:7], *lines[1:4], *lines[7:]],
    "usage": lambda lines: [lines[0] + ",Usage", *(line + ",Private" for line in lines[1:])],
    "columns": lambda lines: [",".join(line.split(",")[::-1]) for line in lines],
    "weight": lambda lines: ["ID,Weight,Prediction", *(line.replace(",", ",160,") for line in lines[1:])],
}
