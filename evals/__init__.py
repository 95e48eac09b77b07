"""Quality as numbers: metrics, and the data sets they are computed on."""
