package main

import "testing"

func TestWritten(t *testing.T) {
	for text, want := range map[string]int64{
		"rchar: 9\nwchar: 8\nread_bytes: 7\nwrite_bytes: 4096\ncancelled_write_bytes: 6\n": 4096,
		"write_bytes: 1": 1, "write_bytes: many\n": 0, "wchar: 8\n": 0, "": 0,
	} {
		if got := writtenIn([]byte(text)); got != want {
			t.Errorf("in %q are %d bytes, want %d", text, got, want)
		}
	}
}
