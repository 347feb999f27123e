"""What kernels are written with: random numbers, elementary functions, vectors, memory."""
