"""Federation: entity statements, trust marks, accreditation — OpenID Federation 1.0."""
