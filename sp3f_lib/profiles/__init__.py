"""Profiles: one YAML file says everything about an experiment. section files: the parts; profile.py: reading and checking."""

from sp3f_lib.profiles.profile import Profile, explain, load_profile, profile_names, save_profile, trl_fields
from sp3f_lib.profiles.section import FOLDER, ProfileError, nearest
from sp3f_lib.profiles.sections import Launch

__all__ = [
    "FOLDER",
    "Launch",
    "Profile",
    "ProfileError",
    "explain",
    "load_profile",
    "nearest",
    "profile_names",
    "save_profile",
    "trl_fields",
]
