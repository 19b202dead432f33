#!/usr/bin/env python3
"""Key files as Bittensor's own tools write them. Needs `pip install bittensor-wallet ansible-vault cryptography` (made with 4.1.1,
4.1.0 and 50.0.2). The keys are for tests alone.

    python test/vectors/wallets.py make     # writes wallets.json: files of the tools; ours must read them
    python test/vectors/wallets.py read PATH # prints the address of a file of ours; it must be the same
"""

import base64
import json
import sys
from pathlib import Path

import bittensor_wallet
from ansible_vault import Vault
from bittensor_wallet import Keyfile, Keypair, keyfile
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
SEED = "0x" + "c0" * 32
PASSWORD = "tést password 1"
PATH = "/home/op/.bittensor/wallets/my-wallet/hotkeys/h.1"


def fernet(data: bytes) -> bytes:
    """As the first versions of bittensor did. The present package recognises such files but opens none: it derives the key and then uses another."""
    salt = b"Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins"
    key = PBKDF2HMAC(algorithm=hashes.SHA256(), salt=salt, length=32, iterations=10_000_000).derive(PASSWORD.encode())
    return Fernet(base64.urlsafe_b64encode(key)).encrypt(data)


def make() -> None:
    phrase = Keypair.create_from_mnemonic(PHRASE)
    seed = Keypair.create_from_seed(SEED)
    private = Keypair.create_from_private_key(json.loads(keyfile.serialized_keypair_to_keyfile_data(phrase))["privateKey"])
    plain = bytes(keyfile.serialized_keypair_to_keyfile_data(phrase))
    files = {
        "phrase": plain,
        "seed": bytes(keyfile.serialized_keypair_to_keyfile_data(seed)),
        "privateKey": bytes(keyfile.serialized_keypair_to_keyfile_data(private)),
        "nacl": bytes(keyfile.encrypt_keyfile_data(plain, PASSWORD)),
        "vault": Vault(PASSWORD).vault.encrypt(plain),
        "vault of the wallet package": bytes(keyfile.legacy_encrypt_keyfile_data(plain, PASSWORD)),
        "fernet": fernet(plain),
    }
    variable = Keyfile(PATH).env_var_name()
    # Not to standard output: the package prints there.
    vectors = {
        "tool": f"bittensor-wallet {bittensor_wallet.__version__}", "password": PASSWORD,
        "phrase": phrase.ss58_address, "seed": seed.ss58_address,
        "environment": {"path": PATH, "variable": variable, "value": Keyfile(PATH).save_password_to_env(PASSWORD)},
        "files": {name: base64.b64encode(data).decode() for name, data in files.items()},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(vectors, indent=2) + "\n")


def read(path: str) -> None:
    print(Keyfile(path).get_keypair().ss58_address)


if __name__ == "__main__":
    {"make": make, "read": read}[sys.argv[1]](*sys.argv[2:])
