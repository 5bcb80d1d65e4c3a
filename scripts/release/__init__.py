"""What a release is made of: wheel, bill of materials, licences, checksums, signature."""
