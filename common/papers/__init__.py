"""A wing for each paper: its recipes, grids, figures, statements and published numbers. No wing imports another."""
