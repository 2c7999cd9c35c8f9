// Package faults tests that nothing that becomes public is lost: whatever fails
// while hallmark signs, each new log entry has its bundle in hand (where it belongs,
// in the folder of unfinished signatures, or after the same command has run once
// more), or the message says what is public.
//
// The cells of the matrix are made from four lists: what is done, the step at which
// something happens, what happens, and the log. Each cell runs the built program
// against the sandbox, first with the fault and then without it, and counts the
// entries of the log itself.
//
//	make faults                       the whole matrix; writes docs/faults.md
//	go test ./faults                  a fixed sample
//	FAULTS=full go test ./faults -run 'TestMatrix/sign/log/'
package faults
