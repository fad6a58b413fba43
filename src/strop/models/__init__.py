"""What is learned, one folder a field."""
