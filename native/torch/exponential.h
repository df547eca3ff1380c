// Included inside a namespace, once for each instruction set. Value: a float or a vector of floats; Bits: int32_t, or as many.

// e^x for x <= 0, to 2 units in the last place; NaN stays NaN. Cephes, expf.
template <class Value, class Bits>
inline __attribute__((always_inline)) Value exponential(const Value given) {
  const Value x = given < -87.0f ? Value{} - 87.0f : given;
  const Value shifted = x * 1.44269504f + 12582912.0f;  // the whole part in its last bits
  const Value whole = shifted - 12582912.0f;
  const Value r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
  Value y = r * 1.9875691500e-4f + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  Bits bits, power;
  std::memcpy(&bits, &y, sizeof bits);
  std::memcpy(&power, &shifted, sizeof power);
  bits += power << 23;
  Value made;
  std::memcpy(&made, &bits, sizeof made);
  return given == given ? made : given;  // the bits of a NaN are anything
}
