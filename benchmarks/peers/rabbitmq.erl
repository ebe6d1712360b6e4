%% erl -noshell -eval 'rabbitmq:main("FOLDER", SECONDS), halt().', with ERL_LIBS set to RabbitMQ's plugins
-module(rabbitmq).
-export([main/2]).
-include_lib("rabbitmq_stomp/include/rabbit_stomp_frame.hrl").

main(Folder, Seconds) ->
    [corpus(Folder, N, Seconds) || N <- ["small", "chat", "heavy", "nolen", "mixed"]].

corpus(Folder, Name, Seconds) ->
    {ok, Octets} = file:read_file(Folder ++ "/" ++ Name ++ ".stomp"),
    Until = erlang:monotonic_time(millisecond) + round(Seconds * 1000),
    {Best, {F, H, V, B}} = repeat(Octets, Until, infinity, none),
    io:format("~s ~.1f ~b ~b ~b ~b~n", [Name, Best / max(F, 1), F, H, V, B]).

repeat(Octets, Until, Best, Found) ->
    case erlang:monotonic_time(millisecond) < Until orelse Found =:= none of
        false -> {Best, Found};
        true ->
            Begin = erlang:monotonic_time(nanosecond),
            Now = pass(Octets, rabbit_stomp_frame:initial_state(), {0, 0, 0, 0}),
            repeat(Octets, Until, min(Best, erlang:monotonic_time(nanosecond) - Begin), Now)
    end.

pass(Octets, State, {F, H, V, B} = Sums) ->
    case rabbit_stomp_frame:parse(Octets, State) of
        {ok, #stomp_frame{headers = Headers, body_iolist = Body}, Rest} ->
            pass(Rest, rabbit_stomp_frame:initial_state(),
                 {F + 1, H + length(Headers), V + lists:sum([length(X) || {_, X} <- Headers]), B + iolist_size(Body)});
        _ -> Sums
    end.
