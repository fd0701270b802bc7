#ifndef KARAT_APM_WEBRTC_H
#define KARAT_APM_WEBRTC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct karat_apm karat_apm;

// karat_apm_new returns NULL when the library refuses.
karat_apm *karat_apm_new(int rate);
void karat_apm_free(karat_apm *a);

// Both take blocks of 10 ms of one channel, n samples in all, and return 0 on
// success. One thread may be in far while another is in near.
int karat_apm_far(karat_apm *a, const int16_t *samples, int n);
int karat_apm_near(karat_apm *a, int16_t *samples, int n, int delay_ms);

#ifdef __cplusplus
}
#endif

#endif
