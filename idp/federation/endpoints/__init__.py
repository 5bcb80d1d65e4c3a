"""The federation's endpoints, one a file — OpenID Federation 1.0 §8, §9."""
