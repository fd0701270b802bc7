package correlate_test

import (
	"fmt"

	"karat/media/correlate"
	"karat/media/wav"
)

// Did the recording catch what alice said, and not what bob said?
func Example() {
	alice, _ := wav.ReadFile("../../testdata/speech/alice.wav")
	bob, _ := wav.ReadFile("../../testdata/speech/bob.wav")
	recording := append(make([]int16, 2*correlate.Rate), alice.At48k()...) // 2 s late

	fmt.Println(correlate.Contains(recording, alice.At48k()) > correlate.Threshold)
	fmt.Println(correlate.Contains(recording, bob.At48k()) > correlate.Threshold)
	// Output:
	// true
	// false
}
