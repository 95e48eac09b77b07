"""What happens to accepted work when workers are killed, Redis forgets, and PostgreSQL is stopped. `make bench-faults`."""
