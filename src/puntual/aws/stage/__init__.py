"""The stage: AWS on one machine, to try what is deployed; never a part of what runs on AWS."""
