package operator

import "errors"

// Refused is an instruction that makes no sense as things are; nothing was done.
type Refused struct {
	// Why says so in a sentence.
	Why string
}

// Error implements error.
func (e Refused) Error() string { return e.Why }

// ErrUnconfirmed is an order that a Monitor has got and does not show in time.
// It holds all the same.
var ErrUnconfirmed = errors.New("the Monitor has been told and does not show it yet")
