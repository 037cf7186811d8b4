"""What the tests and benchmarks of whole machines share: starting a machine, talking to its console, guests to run."""
