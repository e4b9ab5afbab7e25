"""What a mix is to be, as data: decided from measures, checked, read and written."""
