package device_test

import (
	"fmt"

	"karat/media/device"
)

// A microphone of a tone and a speaker that nobody hears need no sound card.
func Example() {
	d, err := device.Open("tone:440", "null", device.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.Play(func(samples []int16) { clear(samples) }) // asked for at its pace
	var f device.Frame
	fmt.Println(d.Read(&f)) // 20 ms
	d.Close()
	fmt.Println(d.Read(&f))
	// Output:
	// <nil>
	// device: closed
}
