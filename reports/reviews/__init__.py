"""Reviews by people: the forms they fill in, and how right the rules were by them."""
