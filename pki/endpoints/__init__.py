"""What anybody may read of the authorities."""
