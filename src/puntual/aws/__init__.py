"""The ports on AWS, by boto3; accounts, regions and endpoints come from the environment alone."""
