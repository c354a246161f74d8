// Judges calls with LiveKit's own published functions, for the tests of crates/livekit/src/sip: a case a line on
// stdin, a verdict a line on stdout, both JSON. It goes the way of livekit-server's IOInfoService: trunks and rules
// by id, those of other numbers and trunks left out.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/dennwc/iters"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/rpc"
	"github.com/livekit/protocol/sip"
)

type testCase struct {
	Trunks []json.RawMessage `json:"trunks"`
	Rules  []json.RawMessage `json:"rules"`
	Call   struct {
		To       string `json:"to"`
		From     string `json:"from"`
		FromHost string `json:"from_host"`
		Source   string `json:"source"`
		Pin      string `json:"pin"`
		NoPin    bool   `json:"no_pin"`
	} `json:"call"`
}

type agent struct {
	Name     string `json:"name"`
	Metadata string `json:"metadata"`
}

type verdict struct {
	// number, any, none or conflict.
	Match string `json:"match"`
	Trunk string `json:"trunk,omitempty"`
	// Whether user and password are asked for.
	Challenge bool `json:"challenge"`
	// accept, pin, drop, conflict or not_understood; empty where the trunks conflict.
	Result string `json:"result,omitempty"`
	Rule   string `json:"rule,omitempty"`
	// The two that conflict, trunks or rules.
	Conflict []string `json:"conflict,omitempty"`

	Room       string            `json:"room,omitempty"`
	RandomEnd  bool              `json:"random_end"`
	Identity   string            `json:"identity,omitempty"`
	Name       string            `json:"name,omitempty"`
	Metadata   string            `json:"metadata,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Agents     []agent           `json:"agents,omitempty"`
	Ringing    float64           `json:"ringing"`
	Longest    float64           `json:"longest"`

	// The first two trunks and rules that may not be made beside each other, if any.
	TrunksRefused []string `json:"trunks_refused,omitempty"`
	RulesRefused  []string `json:"rules_refused,omitempty"`
	// Those that may not be made at all, by id.
	Invalid []string `json:"invalid,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	answers := bufio.NewWriter(out)
	defer answers.Flush()
	encoder := json.NewEncoder(answers)
	for lines.Scan() {
		var one testCase
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return err
		}
		answer, err := judge(&one)
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func judge(one *testCase) (*verdict, error) {
	trunks, err := read(one.Trunks, func() *livekit.SIPInboundTrunkInfo { return &livekit.SIPInboundTrunkInfo{} })
	if err != nil {
		return nil, err
	}
	rules, err := read(one.Rules, func() *livekit.SIPDispatchRuleInfo { return &livekit.SIPDispatchRuleInfo{} })
	if err != nil {
		return nil, err
	}
	call := one.Call
	request := &rpc.EvaluateSIPDispatchRulesRequest{
		CallingNumber: call.From, CallingHost: call.FromHost, CalledNumber: call.To,
		Pin: call.Pin, NoPin: call.NoPin,
		Call: &rpc.SIPCall{
			From: &livekit.SIPUri{User: call.From, Host: call.FromHost},
			To:   &livekit.SIPUri{User: call.To}, SourceIp: call.Source,
		},
	}
	answer := &verdict{}
	refused(answer, trunks, rules)
	trunk, ok := answer.matchTrunk(trunks, request)
	if !ok {
		return answer, nil
	}
	return answer, answer.matchRule(trunk, rules, request)
}

func read[T interface {
	proto.Message
	ID() string
}](items []json.RawMessage, empty func() T) ([]T, error) {
	var all []T
	options := protojson.UnmarshalOptions{DiscardUnknown: true}
	for _, item := range items {
		one := empty()
		if err := options.Unmarshal(item, one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(a.ID(), b.ID()) })
	return all, nil
}

func (v *verdict) matchTrunk(
	all []*livekit.SIPInboundTrunkInfo, request *rpc.EvaluateSIPDispatchRulesRequest,
) (*livekit.SIPInboundTrunkInfo, bool) {
	filter := &livekit.ListSIPInboundTrunkRequest{Numbers: []string{request.Call.To.User}}
	seen := filtered(all, filter.Filter)
	conflict := func(t1, t2 *livekit.SIPInboundTrunkInfo, _ sip.TrunkConflictReason) {
		v.Conflict = []string{t1.SipTrunkId, t2.SipTrunkId}
	}
	result, err := sip.MatchTrunkDetailed(iters.Slice(seen), request.Call, sip.WithTrunkConflict(conflict))
	if err != nil {
		v.Match = "conflict"
		return nil, false
	}
	switch result.MatchType {
	case sip.TrunkMatchSpecific:
		v.Match = "number"
	case sip.TrunkMatchDefault:
		v.Match = "any"
	default:
		v.Match = "none"
	}
	trunk := result.Trunk
	if trunk != nil {
		v.Trunk = trunk.SipTrunkId
		// As livekit-sip decides it.
		v.Challenge = trunk.AuthUsername != "" && trunk.AuthPassword != ""
	}
	return trunk, true
}

func (v *verdict) matchRule(
	trunk *livekit.SIPInboundTrunkInfo, all []*livekit.SIPDispatchRuleInfo,
	request *rpc.EvaluateSIPDispatchRulesRequest,
) error {
	filter := &livekit.ListSIPDispatchRuleRequest{}
	if trunk != nil {
		filter.TrunkIds = []string{trunk.SipTrunkId}
	}
	conflict := func(r1, r2 *livekit.SIPDispatchRuleInfo, _ sip.DispatchRuleConflictReason) {
		v.Conflict = []string{r1.SipDispatchRuleId, r2.SipDispatchRuleId}
	}
	rule, err := sip.MatchDispatchRuleIter(trunk, iters.Slice(filtered(all, filter.Filter)), request,
		sip.WithDispatchRuleConflict(conflict))
	var none *sip.ErrNoDispatchMatched
	switch {
	case errors.As(err, &none):
		v.Result = "drop"
		return nil
	case err != nil && v.Conflict != nil:
		v.Result = "conflict"
		return nil
	case err != nil && strings.Contains(err.Error(), "unsupported SIP Dispatch Rule"):
		v.Result = "not_understood"
		return nil
	case err != nil:
		return err
	}
	v.Rule = rule.SipDispatchRuleId
	return v.evaluate(trunk, rule, request)
}

func (v *verdict) evaluate(
	trunk *livekit.SIPInboundTrunkInfo, rule *livekit.SIPDispatchRuleInfo,
	request *rpc.EvaluateSIPDispatchRulesRequest,
) error {
	first, err := sip.EvaluateDispatchRule("", trunk, rule, request)
	if err != nil {
		return err
	}
	if first.Result == rpc.SIPDispatchResult_REQUEST_PIN {
		v.Result = "pin"
		return nil
	}
	// What is random differs the second time.
	second, err := sip.EvaluateDispatchRule("", trunk, rule, request)
	if err != nil {
		return err
	}
	const random = 12
	v.Result, v.Room = "accept", first.RoomName
	if first.RoomName != second.RoomName {
		v.Room, v.RandomEnd = first.RoomName[:len(first.RoomName)-random], true
	}
	delete(first.ParticipantAttributes, livekit.AttrSIPCallID)
	v.Identity, v.Name = first.ParticipantIdentity, first.ParticipantName
	v.Metadata, v.Attributes = first.ParticipantMetadata, first.ParticipantAttributes
	for _, one := range first.RoomConfig.GetAgents() {
		v.Agents = append(v.Agents, agent{Name: one.AgentName, Metadata: one.Metadata})
	}
	v.Ringing = first.RingingTimeout.AsDuration().Seconds()
	v.Longest = first.MaxCallDuration.AsDuration().Seconds()
	return nil
}

// refused says which of them LiveKit would not let be made beside each other.
func refused(v *verdict, trunks []*livekit.SIPInboundTrunkInfo, rules []*livekit.SIPDispatchRuleInfo) {
	_ = sip.ValidateTrunksIter(iters.Slice(trunks), sip.WithTrunkConflict(
		func(t1, t2 *livekit.SIPInboundTrunkInfo, _ sip.TrunkConflictReason) {
			v.TrunksRefused = []string{t2.SipTrunkId, t1.SipTrunkId}
		}))
	_, err := sip.ValidateDispatchRulesIter(iters.Slice(rules), sip.WithDispatchRuleConflict(
		func(r1, r2 *livekit.SIPDispatchRuleInfo, _ sip.DispatchRuleConflictReason) {
			v.RulesRefused = []string{r2.SipDispatchRuleId, r1.SipDispatchRuleId}
		}))
	if err != nil && v.RulesRefused == nil {
		v.RulesRefused = []string{"not_understood"}
	}
	for _, trunk := range trunks {
		if trunk.Validate() != nil {
			v.Invalid = append(v.Invalid, trunk.SipTrunkId)
		}
	}
	for _, rule := range rules {
		if rule.Validate() != nil {
			v.Invalid = append(v.Invalid, rule.SipDispatchRuleId)
		}
	}
}

func filtered[T any](all []T, keep func(T) bool) []T {
	var kept []T
	for _, one := range all {
		if keep(one) {
			kept = append(kept, one)
		}
	}
	return kept
}
