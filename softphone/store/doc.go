// Package store keeps what lasts between two runs of the phone: accounts,
// contacts, what ZRTP remembers about each device, settings. All of it lies in
// one sealed file, written as a whole and atomically, by one process at a time.
//
//	<home>/store       the sealed file (format below)
//	<home>/store.key   the key, only where no keyring and no passphrase seals it
//	<home>/lock        held while a Karat uses this home
//	<state>/<home's hash>   the witness, outside of the home (witness.go)
//
// # The sealed file
//
//	offset size
//	     0    8  "KARATST\n"
//	     8    1  version: 1
//	     9    1  sealing: 1 keyring, 2 passphrase, 3 key file
//	    10   16  id of this store, random
//	    26    4  argon2id passes      (passphrase only, else 0)
//	    30    4  argon2id memory, KiB (passphrase only, else 0)
//	    34    1  argon2id lanes       (passphrase only, else 0)
//	    35   16  salt
//	    51   16  check: tells a wrong key from a damaged file
//	    67   24  nonce, random for every write
//	    91    …  XChaCha20-Poly1305 of the inside; all 91 bytes before it are
//	             the associated data
//
// All numbers are big-endian. The 32-byte key (from the keyring, from the key
// file, or argon2id of passphrase and salt, RFC 9106) is expanded with
// HKDF-SHA256 (RFC 5869) and the salt into the cipher's key, the check, and the
// witness's key.
//
// The inside is one JSON object with a version (encode.go), followed by spaces
// up to a multiple of 4096 bytes, so that the size does not count the contacts.
// Fields that this version does not know make the file one of a newer Karat:
// it is left alone, so that nothing in it is lost.
//
// # What is noticed, and what cannot be
//
// The witness knows a digest of the file as it was last written and of the one
// being written. With it [Open] notices, and says in [Store.Notices]: a store
// that is gone, one older than the last one written here, one put in place of
// another, one copied to another home, and, where the system has a machine id,
// a home copied to another machine with its witness. It cannot notice: a home
// that was rolled back together with its witness (a disk snapshot, a backup of
// the whole user), a virtual machine cloned with its machine id, and a copy
// that runs elsewhere without ever coming back here.
//
// Go may keep copies of secrets in memory; what this package owns it wipes.
package store
