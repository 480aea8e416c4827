package health

import (
	"hash/fnv"
	"strings"
)

// Target is one of the many that a service with targets consists of.
type Target struct {
	// Name is unique within the service; it is what {{target}} stands for.
	Name   string            `json:"target" yaml:"target"`
	Labels map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
}

// Finding is what a probe of one target found.
type Finding struct {
	Target string `json:"target"`
	Result
}

// TargetID names a target wherever one name must do, as to the Gatekeeper and
// to people: "shops/10.0.0.1:80", or just the service if it is its own target.
func TargetID(service, target string) string {
	if target == "" {
		return service
	}
	return service + "/" + target
}

// SplitTargetID takes a TargetID apart. The name of a service holds no slash.
func SplitTargetID(id string) (service, target string) {
	service, target, _ = strings.Cut(id, "/")
	return service, target
}

// InBatch reports whether a target belongs to batch number batch, from 0, of
// so many. A target keeps its place among all, between 0 and 1, for good:
// however many batches there are, it is probed at about the same moment of the
// interval, and every worker knows where it belongs.
func InBatch(target string, batch, of int) bool { return BatchOf(target, of) == batch }

// BatchOf is the number of the batch, from 0 to below of, that a target
// belongs to.
func BatchOf(target string, of int) int {
	if of <= 1 {
		return 0
	}
	hash := fnv.New32a()
	hash.Write([]byte(target)) // never fails, says package hash
	return int(uint64(mix(hash.Sum32())) * uint64(of) >> 32)
}

// mix spreads the high bits of a hash, which FNV leaves alike for names that
// differ only at their end.
func mix(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
