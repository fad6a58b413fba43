"""What could go wrong with a log, planted where we know it: wrong labels, exposure, accounts."""
