/*
 * Uses of libbzrtp. With arguments,
 *
 *   peer PORT PEER_PORT     one engine on a UDP port of loopback, its peer on
 *                           another, for a while
 *
 * and without, two on request, without a socket or a clock: what the Go program
 * beside this file asks on standard input is answered on standard output, each
 * answer ending with a line "ok".
 *
 *   handshakes N SUITE      run N whole key agreements between two engines in
 *                           memory; answer "nanoseconds T", of this processor
 *   start SSRC SUITE        begin one key agreement with the asker as peer
 *   packet HEX              a packet arrives
 *   time MS                 so late is it since the start
 *
 * SUITE is five codes of bzrtp.h in hexadecimal: key agreement, hash, cipher,
 * auth tag, SAS. During a key agreement the answer holds "packet HEX" for each
 * packet to send, "selfkey", "selfsalt", "peerkey" and "peersalt" with HEX, and
 * "secure SAS".
 */
#include <bzrtp/bzrtp.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* How long an engine on a port lives: longer than whoever tests it takes. */
enum { LIFE_MS = 60000, OWN_SSRC = 77 };

enum { KINDS = 5, PACKET_MAX = 4096, QUEUE = 64, STEP_MS = 10, STEPS = 3000 };

static const uint8_t kinds[KINDS] = {
	ZRTP_KEYAGREEMENT_TYPE, ZRTP_HASH_TYPE, ZRTP_CIPHERBLOCK_TYPE, ZRTP_AUTHTAG_TYPE, ZRTP_SAS_TYPE,
};

typedef struct {
	bzrtpContext_t *context;
	uint32_t ssrc;
	int secure;
	/* Packets on their way to this engine; NULL peer: they are printed. */
	struct { uint8_t bytes[PACKET_MAX]; uint16_t length; } queue[QUEUE];
	int first, last;
	void *peer;
} engine;

static void die(const char *why) {
	fprintf(stderr, "peer: %s\n", why);
	exit(1);
}

static void print_hex(const char *name, const uint8_t *bytes, size_t length) {
	printf("%s ", name);
	for (size_t i = 0; i < length; i++) printf("%02x", bytes[i]);
	printf("\n");
}

static int send_data(void *data, const uint8_t *packet, uint16_t length) {
	engine *to = ((engine *)data)->peer;
	if (to == NULL) {
		print_hex("packet", packet, length);
		return 0;
	}
	if (length > PACKET_MAX || (to->last + 1) % QUEUE == to->first) die("a queue is full");
	memcpy(to->queue[to->last].bytes, packet, length);
	to->queue[to->last].length = length;
	to->last = (to->last + 1) % QUEUE;
	return 0;
}

static int secrets_available(void *data, const bzrtpSrtpSecrets_t *s, uint8_t part) {
	if (((engine *)data)->peer != NULL) return 0;
	if (part & ZRTP_SRTP_SECRETS_FOR_SENDER) {
		print_hex("selfkey", s->selfSrtpKey, s->selfSrtpKeyLength);
		print_hex("selfsalt", s->selfSrtpSalt, s->selfSrtpSaltLength);
	}
	if (part & ZRTP_SRTP_SECRETS_FOR_RECEIVER) {
		print_hex("peerkey", s->peerSrtpKey, s->peerSrtpKeyLength);
		print_hex("peersalt", s->peerSrtpSalt, s->peerSrtpSaltLength);
	}
	return 0;
}

static int start_session(void *data, const bzrtpSrtpSecrets_t *s, int32_t verified) {
	(void)verified;
	engine *e = data;
	e->secure = 1;
	if (e->peer == NULL) printf("secure %s\n", s->sas);
	return 0;
}

/* open_engine makes an engine; suite NULL: with all that the library offers by itself. */
static void open_engine(engine *e, const unsigned *suite, int (*send)(void *, const uint8_t *, uint16_t)) {
	uint32_t ssrc = e->ssrc;
	if ((e->context = bzrtp_createBzrtpContext()) == NULL) die("no context");
	for (int i = 0; suite != NULL && i < KINDS; i++) {
		uint8_t one[7] = {(uint8_t)suite[i]};
		bzrtp_setSupportedCryptoTypes(e->context, kinds[i], one, 1);
	}
	bzrtpCallbacks_t callbacks;
	memset(&callbacks, 0, sizeof callbacks);
	callbacks.bzrtp_sendData = send;
	callbacks.bzrtp_srtpSecretsAvailable = secrets_available;
	callbacks.bzrtp_startSrtpSession = start_session;
	if (bzrtp_setCallbacks(e->context, &callbacks)) die("setCallbacks");
	if (bzrtp_initBzrtpContext(e->context, ssrc)) die("initBzrtpContext");
	if (bzrtp_setClientData(e->context, ssrc, e)) die("setClientData");
	if (bzrtp_startChannelEngine(e->context, ssrc)) die("startChannelEngine");
}

static void begin(engine *e, uint32_t ssrc, void *peer, const unsigned suite[KINDS]) {
	memset(e, 0, sizeof *e);
	e->ssrc = ssrc;
	e->peer = peer;
	open_engine(e, suite, send_data);
}

static void end(engine *e) { bzrtp_destroyBzrtpContext(e->context, e->ssrc); }

/* receive gives an engine the first packet on its way; 0 if there is none. */
static int receive(engine *e) {
	if (e->first == e->last) return 0;
	int at = e->first;
	e->first = (e->first + 1) % QUEUE;
	bzrtp_processMessage(e->context, e->ssrc, e->queue[at].bytes, e->queue[at].length);
	return 1;
}

static void handshake(const unsigned suite[KINDS]) {
	static engine a, b;
	begin(&a, 1, &b, suite);
	begin(&b, 2, &a, suite);
	/* begin cleared b's queue after a had started; a repeats its Hello. */
	for (uint64_t ms = 0; !(a.secure && b.secure); ms += STEP_MS) {
		if (ms > STEP_MS * STEPS) die("the two engines never agreed");
		bzrtp_iterate(a.context, a.ssrc, ms);
		bzrtp_iterate(b.context, b.ssrc, ms);
		while (receive(&a) | receive(&b)) {}
	}
	end(&a);
	end(&b);
}

static long long processor_time(void) {
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void handshakes(int n, const unsigned suite[KINDS]) {
	long long began = processor_time();
	for (int i = 0; i < n; i++) handshake(suite);
	printf("nanoseconds %lld\n", processor_time() - began);
}

static uint16_t unhex(const char *digits, uint8_t *bytes) {
	uint16_t n = 0;
	for (unsigned octet; n < PACKET_MAX && sscanf(digits + 2 * n, "%2x", &octet) == 1; n++) bytes[n] = (uint8_t)octet;
	return n;
}

static int udp = -1; /* a socket that is connected to the peer's port */

static int send_udp(void *data, const uint8_t *packet, uint16_t length) {
	(void)data;
	/* That nobody listens yet is no error: the engine repeats itself. */
	if (send(udp, packet, length, 0) < 0) return 0;
	return 0;
}

static uint64_t clock_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void bind_udp(int port, int peer_port) {
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in peer = own;
	peer.sin_port = htons(peer_port);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (udp < 0 || bind(udp, (struct sockaddr *)&own, sizeof own) || connect(udp, (struct sockaddr *)&peer, sizeof peer)) die("no socket");
}

/* on_port runs one engine on a port, until it is ended or its time is over. */
static int on_port(int port, int peer_port) {
	static engine e;
	uint8_t packet[PACKET_MAX];
	bind_udp(port, peer_port);
	e.ssrc = OWN_SSRC;
	open_engine(&e, NULL, send_udp);
	for (uint64_t began = clock_ms(), now = began; now - began < LIFE_MS; now = clock_ms()) {
		struct pollfd readable = {udp, POLLIN, 0};
		if (poll(&readable, 1, STEP_MS) > 0) {
			ssize_t n = recv(udp, packet, sizeof packet, 0);
			if (n > 0) bzrtp_processMessage(e.context, e.ssrc, packet, (uint16_t)n);
		}
		bzrtp_iterate(e.context, e.ssrc, clock_ms() - began);
	}
	end(&e);
	return 0;
}

int main(int count, char **arguments) {
	if (count == 3) return on_port(atoi(arguments[1]), atoi(arguments[2]));
	static engine e;
	static char line[4 * PACKET_MAX], digits[4 * PACKET_MAX];
	static uint8_t packet[PACKET_MAX];
	unsigned suite[KINDS], ssrc;
	unsigned long long ms;
	int n;
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "handshakes %d %x %x %x %x %x", &n, suite, suite + 1, suite + 2, suite + 3, suite + 4) == 6) {
			handshakes(n, suite);
		} else if (sscanf(line, "start %u %x %x %x %x %x", &ssrc, suite, suite + 1, suite + 2, suite + 3, suite + 4) == 6) {
			if (e.context != NULL) end(&e);
			begin(&e, ssrc, NULL, suite);
		} else if (sscanf(line, "packet %16383s", digits) == 1 && e.context != NULL) {
			bzrtp_processMessage(e.context, e.ssrc, packet, unhex(digits, packet));
		} else if (sscanf(line, "time %llu", &ms) == 1 && e.context != NULL) {
			bzrtp_iterate(e.context, e.ssrc, ms);
		} else {
			die(line);
		}
		printf("ok\n");
		fflush(stdout);
	}
	return 0;
}
