package workflows

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"paramedic/activities"
)

// packFrom is the number of accounts above which a ledger is packed: Temporal
// takes no input above 2 MB, and plain JSON of 20,000 accounts has several.
const packFrom = 1000

// plainLedger is a Ledger without its methods.
type plainLedger Ledger

// packedLedger is how a large Ledger is written: columns, which compress far
// better than rows, in gzip.
type packedLedger struct {
	Packed []byte                 `json:"packed,omitempty"`
	Limits activities.FleetLimits `json:"limits,omitzero"`
}

// MarshalJSON implements json.Marshaler. A ledger with many accounts is
// compressed; every service in its queue must have an account.
func (l Ledger) MarshalJSON() ([]byte, error) {
	if len(l.Accounts) <= packFrom {
		return json.Marshal(plainLedger(l))
	}
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	if err := json.NewEncoder(compressed).Encode(columnsOf(l)); err != nil {
		return nil, fmt.Errorf("packing %d accounts: %w", len(l.Accounts), err)
	}
	if err := compressed.Close(); err != nil {
		return nil, fmt.Errorf("packing %d accounts: %w", len(l.Accounts), err)
	}
	return json.Marshal(packedLedger{Packed: packed.Bytes(), Limits: l.Limits})
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Ledger) UnmarshalJSON(data []byte) error {
	var packed packedLedger
	if err := json.Unmarshal(data, &packed); err != nil {
		return fmt.Errorf("reading a ledger: %w", err)
	}
	if len(packed.Packed) == 0 {
		return json.Unmarshal(data, (*plainLedger)(l))
	}
	compressed, err := gzip.NewReader(bytes.NewReader(packed.Packed))
	if err != nil {
		return fmt.Errorf("unpacking a ledger: %w", err)
	}
	plain, err := io.ReadAll(compressed)
	if err != nil {
		return fmt.Errorf("unpacking a ledger: %w", err)
	}
	var c columns
	if err := json.Unmarshal(plain, &c); err != nil {
		return fmt.Errorf("unpacking a ledger: %w", err)
	}
	if !c.complete() {
		return errors.New("unpacking a ledger: its columns are not of the same length")
	}
	*l = c.ledger()
	l.Limits = packed.Limits
	return nil
}
