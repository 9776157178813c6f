"""Results as pictures: `write` starts `draw`, which has matplotlib in an environment apart from the product's."""
