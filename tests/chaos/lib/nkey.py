"""NKeys for a program that has no library: reads a user's seed and signs the server's nonce with it (Ed25519, RFC 8032, 5.1). Slow and not
hardened against anybody who can measure it: for tests.
"""
import base64
import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def _add(a, b):
    """Of two points in extended coordinates."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    e, h2, g, f = f - e, h - g, h + g, f + e
    return e * h2 % P, g * f % P, h2 * g % P, e * f % P


def _base():
    y = 4 * pow(5, -1, P) % P
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x & 1:
        x = P - x
    return x, y, 1, x * y % P


POWERS = [_base()]  # the base point times 2**n
while len(POWERS) < 256:
    POWERS.append(_add(POWERS[-1], POWERS[-1]))


def _times_base(scalar):
    point = (0, 1, 1, 0)
    for power in POWERS:
        if scalar & 1:
            point = _add(point, power)
        scalar >>= 1
    return point


def _pack(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base32(data):
    return base64.b32encode(data).decode().rstrip("=")


def _crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xffff
    return crc.to_bytes(2, "little")


class NKey:
    """A user's key, from the text of its seed: `public` for CONNECT, and signatures."""

    def __init__(self, seed_text):
        digest = hashlib.sha512(base64.b32decode(seed_text.strip() + "======")[2:34]).digest()
        self.scalar = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
        self.prefix = digest[32:]
        self.key = _pack(_times_base(self.scalar))
        body = bytes([20 << 3]) + self.key
        self.public = _base32(body + _crc16(body))

    def sign(self, nonce):
        r = int.from_bytes(hashlib.sha512(self.prefix + nonce).digest(), "little") % ORDER
        packed = _pack(_times_base(r))
        k = int.from_bytes(hashlib.sha512(packed + self.key + nonce).digest(), "little") % ORDER
        signature = packed + ((r + k * self.scalar) % ORDER).to_bytes(32, "little")
        return base64.urlsafe_b64encode(signature).decode().rstrip("=")
