package workflows

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
)

// failingPackFrom is the number of failing targets above which a FleetState is
// packed: it is copied into three histories a watch, and what many targets say
// is much the same.
const failingPackFrom = 50

// plainFleet is a FleetState without its methods; packedFleet one whose failing
// targets are in gzip.
type (
	plainFleet  FleetState
	packedFleet struct {
		plainFleet
		Packed []byte `json:"failing_packed,omitempty"`
	}
)

// MarshalJSON implements json.Marshaler.
func (f FleetState) MarshalJSON() ([]byte, error) {
	if len(f.Failing) <= failingPackFrom {
		return json.Marshal(plainFleet(f))
	}
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	if err := json.NewEncoder(compressed).Encode(f.Failing); err != nil {
		return nil, fmt.Errorf("packing %d failing targets: %w", len(f.Failing), err)
	}
	if err := compressed.Close(); err != nil {
		return nil, fmt.Errorf("packing %d failing targets: %w", len(f.Failing), err)
	}
	f.Failing = nil
	return json.Marshal(packedFleet{plainFleet: plainFleet(f), Packed: packed.Bytes()})
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *FleetState) UnmarshalJSON(data []byte) error {
	var packed packedFleet
	if err := json.Unmarshal(data, &packed); err != nil {
		return fmt.Errorf("reading the state of a fleet: %w", err)
	}
	*f = FleetState(packed.plainFleet)
	if len(packed.Packed) == 0 {
		return nil
	}
	compressed, err := gzip.NewReader(bytes.NewReader(packed.Packed))
	if err != nil {
		return fmt.Errorf("unpacking failing targets: %w", err)
	}
	plain, err := io.ReadAll(compressed)
	if err != nil {
		return fmt.Errorf("unpacking failing targets: %w", err)
	}
	if err := json.Unmarshal(plain, &f.Failing); err != nil {
		return fmt.Errorf("unpacking failing targets: %w", err)
	}
	return nil
}
