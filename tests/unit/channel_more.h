#pragma once
/* Rows added to channel.def, and nothing else: test_channel_field.c shows that the whole field follows. */
#define CHANNEL_FIELDS_MORE(F)                                                                               \
    F(more_number, NUMBER, COLUMN, ADMIN, OR_NULL, 5, 50, 0, "moreNumber", "--more-number", "N|none",        \
      "one row: a number")                                                                                   \
    F(more_switch, SWITCH, COLUMN, ADMIN, NOT_NULL, 0, 0, true, "moreSwitch", "--more-switch", "on|off",     \
      "one row: a switch")                                                                                   \
    F(more_for_members, SWITCH, COLUMN, MEMBER, NOT_NULL, 0, 0, false, "moreForMembers",                     \
      "--more-for-members", "on|off", "one row: a switch that Members turn")                                 \
    F(more_fixed, TEXT, COLUMN, NOBODY, NOT_NULL, 0, 20, "", "moreFixed", NULL, NULL, NULL)
