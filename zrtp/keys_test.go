package zrtp

import (
	"bytes"
	"encoding/hex"
	"testing"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// The expected values were computed apart from this program, from the formulas of
// Sections 4.4.1.4, 4.5.1 and 4.5.3, with DHResult 00..1f, ZIDs of i and r, and
// four short strings in place of the messages.
func TestKeyDerivation(t *testing.T) {
	s1, s3 := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 32)
	for _, tc := range []struct {
		hash                      wire.Algorithm
		s1, s2, s3                []byte
		key, salt, rs1, mac, zrtp string
		sas                       uint32
		macLen                    int
	}{
		{
			wire.S256, nil, nil, nil, "12cd2a7bfdd3e45fd1a4d8a38ecd2beb", "f833ed0b1278c76dfc771f7dd934",
			"c2dd9ea5d4c7fba8548dd5192dc5a6d7f27adde5efb059d6214d46bdbf8fc59c",
			"929272c1e79ebdc6", "2b833c04e489df9d6c82198b4e362d0b", 0x486e4a9b, 32,
		},
		{
			wire.S256, s1, nil, nil, "b9a814122b1149e75a64d6afc0fde054", "ec30c6d7d19c91f0c21c11801d45",
			"dc6357de2accb1101c30114c61b2488e2122f78ba1ba9a3b838b646479095d1a",
			"2da3a7d059620291", "e7ce1e98047141d1c8c4c09267183a2e", 0xc2e8062d, 32,
		},
		{
			wire.S384, nil, nil, nil, "c4af4d92e8e7ed57ff81c8412f65a9b7", "61a5b5a83d301d8a63aa905391b5",
			"3eaa4442fac09272f0046e5605c0b2d4a612a58a8179fb4b931c7f56621c2a2f",
			"3dd66e0b5d250818", "ce75816d16773d4a5e0af24a8a10eacd", 0xf10db67e, 48,
		},
		{
			wire.S384, s1, nil, nil, "be6eefd06d5496168c7bb420a250cfbe", "2e8573228727612c84d071d104b1",
			"5543b267bc8a4d80ea576ea6cd0646aec9b4a9ae68ca6fd3974a5ba339163ca5",
			"2d4df0203fca66d0", "e607d1cad3944023d7ff2f524c303f9b", 0x3814bc8a, 48,
		},
		{
			wire.S256, nil, []byte("aux"), nil, "41fe78c07f4b45ed58d4a361058d2596", "cc420224071673a1293e8d0346a5",
			"0d3e9bfc4b7cc5233c6143a19d81301f5e76c4456a682ccaeabc52010c8780cc",
			"6bb547dc995104db", "dc99f474cb7f35189c10615734ff2537", 0x4def0c3b, 32,
		},
		{
			wire.S256, nil, nil, s3, "a5f2c0084ff3e75230c8a1cdcde9d825", "ca4c478cb084dd063460570615d2",
			"b0c8ec62416de1d89980d7fea210fc98ef26c395ad47c8e8f51fe819a865f299",
			"9f98dffa0d09a437", "1de33f2e5ab1e88543564356ba360b95", 0x666f6b2a, 32,
		},
		{
			wire.S384, s1, []byte("aux"), s3, "c257219b926da50f4e5f2b85d34f65aa", "22050ef6516e9eefd6f0d05c1efa",
			"3f8d2de347c0d7efb27fbce3e32aa51ef6b8b8d2c185b5c17645f52387f66999",
			"36154741006b8ed2", "068634ea71d45a2400147ed844592093", 0x981afa7b, 48,
		},
	} {
		s := suite{hash: tc.hash, cipher: wire.AES1}
		dhResult := make([]byte, 32)
		for i := range dhResult {
			dhResult[i] = byte(i)
		}
		got := agreement{
			suite:     s,
			dhResult:  secret.Own(dhResult),
			initiator: ZID([]byte("iiiiiiiiiiii")),
			responder: ZID([]byte("rrrrrrrrrrrr")),
			totalHash: totalHash(s, []byte("hello of responder"), []byte("commit"), []byte("dhpart1"), []byte("dhpart2")),
			s1:        secret.Own(tc.s1),
			s2:        secret.Own(tc.s2),
			s3:        secret.Own(tc.s3),
		}.kdf().schedule(false)
		for _, k := range []struct {
			name string
			got  []byte
			want string
		}{
			{"srtpkeyi", got.initiator.srtp.Key.Expose(), tc.key},
			{"srtpsaltr", got.responder.srtp.Salt.Expose(), tc.salt},
			{"rs1", got.retained.Expose(), tc.rs1},
			{"mackeyr", got.responder.mac.Expose()[:8], tc.mac},
			{"zrtpkeyi", got.initiator.zrtp.Expose(), tc.zrtp},
		} {
			if hex.EncodeToString(k.got) != k.want {
				t.Errorf("%s, s1 of %d octets, s2 of %d, s3 of %d: %s is %x, want %s", tc.hash, len(tc.s1), len(tc.s2), len(tc.s3), k.name, k.got, k.want)
			}
		}
		if got.sas != tc.sas || got.responder.mac.Len() != tc.macLen {
			t.Errorf("%s: sasvalue %08x, want %08x; mackey of %d", tc.hash, got.sas, tc.sas, got.responder.mac.Len())
		}
	}
}

// NIST SP 800-38A, F.3.13: CFB128-AES128, and the last block cut short.
func TestCFB(t *testing.T) {
	key := unhex(t, "2b7e151628aed2a6abf7158809cf4f3c")
	iv := [16]byte(unhex(t, "000102030405060708090a0b0c0d0e0f"))
	plain := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
	want := "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140"
	encrypted, err := cfb(secret.Own(key), iv, plain, true)
	if err != nil || hex.EncodeToString(encrypted) != want {
		t.Errorf("encrypted %x, %v, want %s", encrypted, err, want)
	}
	decrypted, err := cfb(secret.Own(key), iv, encrypted, false)
	if err != nil || !bytes.Equal(decrypted, plain) {
		t.Errorf("decrypted %x, %v", decrypted, err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Section 4.6.1: s0 is erased.
func TestS0IsErased(t *testing.T) {
	k := agreement{suite: suite{hash: wire.S256, cipher: wire.AES1}, dhResult: rs(1)}.kdf()
	if k.s0.Equal(secret.Own(make([]byte, 32))) {
		t.Fatal("there is no s0")
	}
	k.schedule(false)
	if !k.s0.Equal(secret.Own(make([]byte, 32))) {
		t.Error("s0 is still there")
	}
}
