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
	var f device.Frame
	fmt.Println(d.Read(&f), d.Write(&f)) // 20 ms each
	d.Close()
	fmt.Println(d.Read(&f))
	// Output:
	// <nil> <nil>
	// device: closed
}
