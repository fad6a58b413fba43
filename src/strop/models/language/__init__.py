"""Language models: what a text's tokens cost them, how they are read, kept and trained."""
