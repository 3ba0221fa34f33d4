"""The public Python API: what `import repurchase` offers, and nothing that it does not."""
