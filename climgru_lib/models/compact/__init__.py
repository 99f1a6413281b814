"""Beyond the published method: an energy balance, and what a Gaussian process and a Conv-GRU learn of its residual."""
