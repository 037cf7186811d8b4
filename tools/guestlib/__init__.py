"""Guests for Mimus, fetched by Debian package and kept in a cache outside the checkout."""
