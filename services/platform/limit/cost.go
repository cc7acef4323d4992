package limit

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// What calls cost: a look-up is 1.
const (
	CostOfRead   = 1
	CostOfList   = 5
	CostOfWrite  = 5
	CostOfStream = 10
	// CostOfPassword is what it costs to try a password: hashing one takes memory and time.
	CostOfPassword = 20
	CostOfBatch    = 50
	// CostOfActivation is for judging very many rows, each of which has come with a batch.
	CostOfActivation = 100
)

// Cost is what a call of a method costs, by its verb, as the contract names methods.
func Cost(m protoreflect.MethodDescriptor) int {
	name := string(m.Name())
	switch {
	case name == "CreateSession", name == "ChangePassword", name == "CreateAccount", name == "ResetPassword":
		return CostOfPassword
	case m.IsStreamingServer():
		return CostOfStream
	case strings.HasPrefix(name, "Batch"):
		return CostOfBatch
	case name == "ActivateOperation":
		return CostOfActivation
	case strings.HasPrefix(name, "List"), name == "GetProgress":
		return CostOfList
	case strings.HasPrefix(name, "Get"):
		return CostOfRead
	}
	return CostOfWrite
}
