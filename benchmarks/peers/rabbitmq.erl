%% erlc rabbitmq.erl; erl -noshell -pa <ebin folders> -eval 'rabbitmq:main("FOLDER"), halt().'
-module(rabbitmq).
-export([main/1]).
-include_lib("rabbitmq_stomp/include/rabbit_stomp_frame.hrl").

main(Folder) ->
    [corpus(Folder, N) || N <- ["small", "chat", "heavy", "nolen", "mixed"]].

corpus(Folder, Name) ->
    {ok, Octets} = file:read_file(Folder ++ "/" ++ Name ++ ".stomp"),
    {Best, {F, H, V, B}} = repeat(Octets, erlang:monotonic_time(millisecond) + 1500, infinity, none),
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
