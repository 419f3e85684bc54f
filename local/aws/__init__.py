"""A small AWS: API Gateway, Lambda and event sources of our own, and moto for everything else."""
