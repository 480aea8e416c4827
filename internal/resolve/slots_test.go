package resolve

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSlotsAreTakenAndGivenBack(t *testing.T) {
	slots := NewSlots(2)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	require.NoError(t, slots.Take(ctx))
	require.NoError(t, slots.Take(ctx))
	require.Equal(t, 2, slots.InUse())
	require.False(t, slots.Try())
	waited := make(chan error, 1)
	go func() { waited <- slots.Take(ctx) }()
	select {
	case <-waited:
		t.Fatal("a third slot was taken of two")
	case <-time.After(20 * time.Millisecond):
	}
	slots.Give()
	require.NoError(t, <-waited)
	cancel()
	require.ErrorIs(t, slots.Take(ctx), context.Canceled)
	slots.Give()
	require.NoError(t, slots.Take(ctx), "a free slot needs no waiting")
}

func TestTheBudgetLeavesHalfOfTheFiles(t *testing.T) {
	require.LessOrEqual(t, Budget(), max(slotsLeast, openFiles()/2))
	require.LessOrEqual(t, Budget(), slotsLimit)
	require.GreaterOrEqual(t, Budget(), slotsLeast)
	require.Equal(t, Budget(), Connections().Len())
	require.Same(t, Connections(), Connections())
}
