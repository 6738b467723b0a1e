"""Signals: features of books and trades, and models over them, published to other strategies by `orders.signal`.

features.py   what is computed of one event after the other: plain functions of numbers, compiled where they are called
alpha.py      the strategy that keeps them and publishes a score
model.py      linear and tree models from a file; `meridian strategy signal NAME MODEL` makes a plugin of a small one
research.py   the same object code over a recorded flow, for fitting
batch.py      many instruments or large models at once: numba, numpy, or CuPy where there is a GPU
"""
