#include "fault/fault.h"

#include <string.h>

static const struct fault faults[FAULT_COUNT] = {
#define FAULT(id_, reason_, detail_, blame_, processed_, retry_, en, ja, advice_en, advice_ja)                                   \
    [FAULT_##id_] = {#id_, REASON_##reason_, detail_, BLAME_##blame_, PROCESSED_##processed_, RETRY_##retry_, {en, ja}, {advice_en, advice_ja}},
#include "fault/fault.def"
#undef FAULT
};

static const struct cause causes[CAUSE_COUNT] = {
#define CAUSE(id_, fault_, source_, en, ja, advice_en, advice_ja)                                                                \
    [CAUSE_##id_] = {#id_, FAULT_##fault_, source_, {en, ja}, {advice_en, advice_ja}},
#include "fault/cause.def"
#undef CAUSE
};

const struct fault *fault_of(enum fault_id id)
{
    return &faults[id];
}

const struct cause *cause_of(enum cause_id id)
{
    return &causes[id];
}
