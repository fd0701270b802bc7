// Package hostile is a SIP server that answers wrongly, on purpose and by a script:
// without tags, with other numbers, with lengths that lie, a byte at a time, ten
// thousand times, or for ever. Scripts are a table (honest messages times what is
// done to them, and some that are a story of their own).
//
// What a phone is to make of each is for whoever runs it to say: a clear end, bounded
// memory, and nothing left behind. Most scripts are also to be had as scenarios for sipp
// ([Scenarios]), a program that is not ours. It is no proxy and no fuzzer: each script does the
// same each time.
package hostile
