"""
EventBridge Scheduler: a sweep every second, a target's context attributes, changed schedules.

As it comes, ministack sweeps every 10 s and leaves `<aws.scheduler.scheduled-time>` as it stands
(L22), and a schedule that was swept once never fires after it was changed (L23).
"""

from __future__ import annotations

from typing import Any

from ministack.services import eventbridge, scheduler

from puntual.aws.stage.plugin.scheduled import filled

SWEEP_SECONDS = 1
Data = dict[str, Any]


def install() -> None:
    """Replace how often schedules are looked at and what their targets are given."""
    scheduler._SCHEDULE_TICK_INTERVAL = SWEEP_SECONDS
    invoke, update = eventbridge._invoke_target, scheduler._update_schedule

    def invoke_target(target: Data, event: Data, rule: Data, *args: Any, **kwargs: Any) -> Any:
        if event.get("Source") == "aws.scheduler" and "Input" in target:
            text = filled(
                target["Input"],
                expression=rule.get("ScheduleExpression", ""),
                fired=event["Time"],
                identity=event["EventId"],
                schedule=(event.get("Resources") or [""])[0],
            )
            target = {**target, "Input": text}
        return invoke(target, event, rule, *args, **kwargs)

    def update_schedule(name: str, body: Any) -> Any:
        answer = update(name, body)
        if answer[0] < 400:
            for known in list(scheduler._schedule_last_fired):
                if known[2].rpartition("/")[2] == name:
                    del scheduler._schedule_last_fired[known]
        return answer

    eventbridge._invoke_target, scheduler._update_schedule = invoke_target, update_schedule
