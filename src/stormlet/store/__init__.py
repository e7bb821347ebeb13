"""What is on disk. One interface, one backend per database; SQL lives in `.sql` files beside each backend."""
