"""Says which steps run, when a delivery is due and what may be delivered; never acts."""
