"""Where judgements come from: readers of files, named data sets, splits."""
