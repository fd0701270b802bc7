// The few calls of webrtc-audio-processing 0.3 that package apm makes, as C: the
// library is C++, which cgo does not speak. Nothing may be thrown through here.
#include "webrtc.h"

#include <string.h>

#include <memory>
#include <new>

#include "webrtc/common.h"
#include "webrtc/modules/audio_processing/include/audio_processing.h"
#include "webrtc/modules/interface/module_common_types.h"

using webrtc::AudioProcessing;

struct karat_apm {
  std::unique_ptr<AudioProcessing> processing;
  int block;  // samples in 10 ms
  // One each for the two directions, which different threads use.
  webrtc::AudioFrame far_block, near_block;
};

static void fill(const karat_apm *a, webrtc::AudioFrame *f, const int16_t *samples) {
  memcpy(f->data_, samples, a->block * sizeof *samples);
}

static void shape(const karat_apm *a, webrtc::AudioFrame *f) {
  f->sample_rate_hz_ = a->block * 100;
  f->num_channels_ = 1;
  f->samples_per_channel_ = a->block;
}

static int configure(AudioProcessing *p, int rate) {
  const auto mono = AudioProcessing::kMono;
  int err = p->Initialize(rate, rate, rate, mono, mono, mono);
  err |= p->high_pass_filter()->Enable(true);
  err |= p->echo_cancellation()->enable_drift_compensation(false);
  err |= p->echo_cancellation()->set_suppression_level(
      webrtc::EchoCancellation::kModerateSuppression);
  err |= p->echo_cancellation()->Enable(true);
  err |= p->noise_suppression()->set_level(webrtc::NoiseSuppression::kModerate);
  err |= p->noise_suppression()->Enable(true);
  err |= p->gain_control()->set_mode(webrtc::GainControl::kAdaptiveDigital);
  err |= p->gain_control()->enable_limiter(true);
  err |= p->gain_control()->Enable(true);
  return err;
}

extern "C" karat_apm *karat_apm_new(int rate) try {
  // The delay between what is played and what of it comes back is not known
  // well: sound servers buffer as they like, and change it.
  webrtc::Config config;
  config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
  config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
  std::unique_ptr<karat_apm> a(new karat_apm);
  a->block = rate / 100;
  a->processing.reset(AudioProcessing::Create(config));
  if (!a->processing || configure(a->processing.get(), rate) != 0) return nullptr;
  shape(a.get(), &a->far_block);
  shape(a.get(), &a->near_block);
  return a.release();
} catch (...) {
  return nullptr;
}

extern "C" void karat_apm_free(karat_apm *a) { delete a; }

extern "C" int karat_apm_far(karat_apm *a, const int16_t *samples, int n) try {
  for (int i = 0; i + a->block <= n; i += a->block) {
    fill(a, &a->far_block, samples + i);
    if (int err = a->processing->ProcessReverseStream(&a->far_block)) return err;
  }
  return 0;
} catch (...) {
  return -1;
}

extern "C" int karat_apm_near(karat_apm *a, int16_t *samples, int n, int delay_ms) try {
  for (int i = 0; i + a->block <= n; i += a->block) {
    fill(a, &a->near_block, samples + i);
    int err = a->processing->set_stream_delay_ms(delay_ms);
    if (err == 0) err = a->processing->ProcessStream(&a->near_block);
    if (err != 0) return err;
    memcpy(samples + i, a->near_block.data_, a->block * sizeof *samples);
  }
  return 0;
} catch (...) {
  return -1;
}
