#!/usr/bin/env python3
"""btauth/1 against Bittensor's own SDK, in both directions. Needs `pip install bittensor` (vectors made with 11.3.0).

    python test/vectors/btauth.py make > test/vectors/btauth.json        # requests the SDK signed; ours must take them
    node test/vectors/sign.ts | python test/vectors/btauth.py verify     # requests ours signed; the SDK must take them
"""

import base64
import json
import sys

import bittensor
from bittensor import http_auth
from bittensor.wallets import CRYPTO_ED25519, Keypair

SEED = bytes([0xC0]) * 32
RECEIVER_SEED = bytes([0xED]) * 32
NOW_NS = 1_790_000_000_123_456_789

REQUESTS = [
    ("GET without a body", "GET", "/agent/wake", b""),
    ("POST with JSON", "POST", "/agent/sync", b'{"seq":1,"engine":{"ok":true}}'),
    ("query, kept as sent", "GET", "/v1/gpus?model=h200&x=a%20b&model=%C3%A9", b""),
    ("unicode in the body", "POST", "/agent/sync", '{"note":"d\u00e9j\u00e0 \U0001f680\\n"}'.encode()),
    ("POST with an empty body", "POST", "/agent/register", b""),
    ("bytes that are no text", "PUT", "/agent/blob", bytes(range(256))),
    ("a lower-case method", "patch", "/validator/proofs/1", b"{}"),
]


def make() -> None:
    signer = Keypair.create_from_seed(SEED)
    receiver = Keypair.create_from_seed(RECEIVER_SEED).ss58_address
    requests = []
    for i, (name, method, target, body) in enumerate(REQUESTS):
        nonce = NOW_NS + i
        headers = http_auth.sign(signer, method=method, path=target, body=body, receiver_ss58=receiver, nonce_ns=nonce)
        payload = http_auth.build_payload(
            scheme="sr25519", method=method, path=target, body=body, nonce_ns=nonce,
            sender_ss58=signer.ss58_address, receiver_ss58=receiver,
        )
        requests.append({
            "name": name, "method": method, "target": target, "body": base64.b64encode(body).decode(),
            "nonce": str(nonce), "payload": payload.decode(), "headers": headers,
        })
    unbound = http_auth.sign(signer, method="GET", path="/agent/wake", nonce_ns=NOW_NS)
    other = Keypair.create_from_seed(SEED, crypto_type=CRYPTO_ED25519)
    ed25519 = http_auth.sign(other, method="GET", path="/agent/wake", receiver_ss58=receiver, nonce_ns=NOW_NS)
    json.dump({
        "sdk": bittensor.__version__, "now_ns": str(NOW_NS), "seed": "0x" + SEED.hex(), "public_key": "0x" + bytes(signer.public_key).hex(),
        "hotkey": signer.ss58_address, "receiver": receiver, "requests": requests,
        "refused": {"unbound": unbound, "ed25519": ed25519},
    }, sys.stdout, indent=2, ensure_ascii=True)
    print()


def verify() -> None:
    count = 0
    for line in sys.stdin:
        r = json.loads(line)
        body = base64.b64decode(r["body"])
        check = {"method": r["method"], "path": r["target"], "self_hotkey_ss58": r["receiver"], "now_ns": int(r["nonce"])}
        caller = http_auth.verify(r["headers"], body, nonce_store=http_auth.InMemoryNonceStore(), **check)
        assert caller.hotkey_ss58 == r["hotkey"], "another caller"
        try:
            http_auth.verify(r["headers"], body + b" ", nonce_store=http_auth.InMemoryNonceStore(), **check)
        except http_auth.BadSignature:
            count += 1
        else:
            raise AssertionError(f"{r['name']}: a changed body was taken")
    assert count, "nothing to verify"
    print(f"bittensor {bittensor.__version__}: took {count} requests as signed, refused {count} with a changed body")


if __name__ == "__main__":
    {"make": make, "verify": verify}[sys.argv[1]]()
