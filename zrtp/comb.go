package zrtp

import (
	"crypto/subtle"
	"sync"

	"filippo.io/bigmod"
)

// combTeeth is how many bits of an exponent a comb takes in one step. More would
// need fewer steps, but each step looks through 2^combTeeth numbers.
const combTeeth = 8

// comb raises one number to many powers, in constant time and a third of the time
// of bigmod's Exp, which knows nothing of its base beforehand (Menezes, van Oorschot
// and Vanstone, "Handbook of Applied Cryptography", Algorithm 14.117).
//
// The exponent is cut into combTeeth rows of equal length, one under the other, and
// read column by column.
type comb struct {
	modulus *bigmod.Modulus
	columns int
	// table is the product of base^(2^(columns*i)) for each bit i of the index.
	table [1 << combTeeth]*bigmod.Nat
}

// newComb prepares base for exponents of so many octets.
func newComb(base *bigmod.Nat, modulus *bigmod.Modulus, exponentLen int) *comb {
	c := &comb{modulus: modulus, columns: 8 * exponentLen / combTeeth}
	c.table[0] = natOf(1, modulus)
	row := copyNat(base, modulus)
	for i := range combTeeth {
		for below := range 1 << i {
			c.table[1<<i|below] = copyNat(row, modulus).Mul(c.table[below], modulus)
		}
		for range c.columns {
			row.Mul(row, modulus)
		}
	}
	return c
}

// exp computes base^exponent.
func (c *comb) exp(exponent []byte) *bigmod.Nat {
	result := natOf(1, c.modulus)
	factor := bigmod.NewNat().ExpandFor(c.modulus)
	for column := c.columns - 1; column >= 0; column-- {
		result.Mul(result, c.modulus)
		c.pick(factor, c.column(exponent, column))
		result.Mul(factor, c.modulus)
	}
	clear(factor.Bits())
	return result
}

// column reads one bit of each row of the exponent.
func (c *comb) column(exponent []byte, column int) (index int32) {
	for i := range combTeeth {
		at := i*c.columns + column
		bit := exponent[len(exponent)-1-at/8] >> (at % 8) & 1
		index |= int32(bit) << i
	}
	return index
}

// pick sets to to a number of the table, and does not show which.
func (c *comb) pick(to *bigmod.Nat, index int32) {
	limbs := to.Bits()
	clear(limbs)
	for i, entry := range c.table {
		mask := -uint(subtle.ConstantTimeEq(int32(i), index))
		from := entry.Bits()[:len(limbs)]
		for j := range limbs {
			limbs[j] |= from[j] & mask
		}
	}
}

// natOf is a small number modulo m.
func natOf(n uint, m *bigmod.Modulus) *bigmod.Nat {
	return bigmod.NewNat().SetUint(n).ExpandFor(m)
}

func copyNat(n *bigmod.Nat, m *bigmod.Modulus) *bigmod.Nat {
	c := bigmod.NewNat().ExpandFor(m)
	copy(c.Bits(), n.Bits())
	return c
}

// The combs of DH3k, which are only read after they were made: some hundredths of a
// second when DH3k is first used.
var (
	dh3kComb256 = sync.OnceValue(func() *comb { return newDH3kComb(256 / 8) })
	dh3kComb512 = sync.OnceValue(func() *comb { return newDH3kComb(512 / 8) })
)

// dh3kComb is the comb for an exponent.
func dh3kComb(exponentLen int) *comb {
	if exponentLen == 512/8 {
		return dh3kComb512()
	}
	return dh3kComb256()
}

// newDH3kComb prepares the generator.
//
// RFC 6189, Section 5.1.5: The DH generator g is 2.
func newDH3kComb(exponentLen int) *comb {
	modulus, err := bigmod.NewModulus(modulus3072[:])
	if err != nil {
		panic(err) // not for a modulus that is odd and above 1
	}
	return newComb(natOf(2, modulus), modulus, exponentLen)
}
