package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"paramedic/workflows"
)

// SearchAttributes are the attributes that the workflows set, with their types.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		workflows.AttributeService.GetName():         enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		workflows.AttributeIncidentState.GetName():   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		workflows.AttributeSeverity.GetName():        enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		workflows.AttributeOutcome.GetName():         enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		workflows.AttributeDowntimeSeconds.GetName(): enumspb.INDEXED_VALUE_TYPE_DOUBLE,
	}
}

const (
	// usableWithin is how long new attributes may take to reach every part of
	// a cluster; Temporal refreshes its caches within a minute.
	usableWithin = 90 * time.Second
	// usablePoll is the pause between two looks.
	usablePoll = 100 * time.Millisecond
)

// EnsureSearchAttributes registers the search attributes that are missing in a
// namespace, and returns once workflows can use them. Without anything missing
// it only looks.
func EnsureSearchAttributes(ctx context.Context, temporal client.Client, namespace string) error {
	registered, err := listAttributes(ctx, temporal, namespace)
	if err != nil {
		return err
	}
	missing, err := missingAttributes(registered)
	if err != nil || len(missing) == 0 {
		return err
	}
	_, err = temporal.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) { // another worker may have been faster
		return fmt.Errorf("register the search attributes %s in namespace %q: %w\n"+
			"If you may not do that, have it done, like: temporal operator search-attribute create --namespace %s %s",
			names(missing), namespace, err, namespace, arguments(missing))
	}
	return awaitUsable(ctx, temporal, namespace)
}

// listAttributes asks for the custom search attributes of a namespace.
func listAttributes(ctx context.Context, temporal client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	response, err := temporal.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list the search attributes of namespace %q: %w", namespace, err)
	}
	return response.GetCustomAttributes(), nil
}

// missingAttributes are those that are not registered. One that is registered
// with another type is an error: nothing but another namespace helps.
func missingAttributes(registered map[string]enumspb.IndexedValueType) (map[string]enumspb.IndexedValueType, error) {
	missing := map[string]enumspb.IndexedValueType{}
	var wrong []string
	for name, kind := range SearchAttributes() {
		switch found, ok := registered[name]; {
		case !ok:
			missing[name] = kind
		case found != kind:
			wrong = append(wrong, fmt.Sprintf("%s is %s and must be %s", name, found, kind))
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return nil, fmt.Errorf("search attributes of this namespace have other types than paramedic needs: %s; use another namespace",
			strings.Join(wrong, ", "))
	}
	return missing, nil
}

// awaitUsable waits until queries accept the attributes: registering them is
// known to the parts of a cluster only some time later.
func awaitUsable(ctx context.Context, temporal client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, usableWithin)
	defer cancel()
	terms := make([]string, 0, len(SearchAttributes()))
	for name := range SearchAttributes() {
		terms = append(terms, name+" IS NULL")
	}
	slices.Sort(terms)
	query := strings.Join(terms, " AND ")
	for {
		_, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, PageSize: 1, Query: query,
		})
		var refused *serviceerror.InvalidArgument
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &refused):
			return fmt.Errorf("look whether the search attributes can be used: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the search attributes cannot be used yet: %w", errors.Join(ctx.Err(), err))
		case <-time.After(usablePoll):
		}
	}
}

func names(attributes map[string]enumspb.IndexedValueType) string {
	return strings.Join(slices.Sorted(maps.Keys(attributes)), ", ")
}

// arguments writes attributes as arguments of Temporal's command line.
func arguments(attributes map[string]enumspb.IndexedValueType) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, fmt.Sprintf("--name %s --type %s", name, attributes[name]))
	}
	return strings.Join(list, " ")
}
